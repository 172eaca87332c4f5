# %% [markdown]
# # Credit
#
# Will a borrower be late by ninety days? Numbers, features of them in pandas, and LightGBM.
#
# The rows are a stand-in that anybody has: another credit data set, with its columns under the
# same names. The script of this notebook is [credit.py](../credit.py).

# %%
import sys

sys.path.insert(0, "..")  # the scripts are one folder up

import credit
import gallery
import numpy as np
import willump

rows = credit.load()
later = rows.later
print(f"{len(rows.train):,} rows to fit on, {len(later):,} to ask")
later.head(3).T

# %% [markdown]
# ## The pipeline
#
# `@willump.pipeline` only marks the function: called, it runs as it is written.

# %%
gallery.source(credit.features, credit.fit)

# %%
function = credit.fit(rows.train, rows.labels)
function(later.head(3))

# %% [markdown]
# ## Compile
#
# Comprehensions, clips and missing values are followed; `verify` compares the answers.

# %%
fast = willump.compile(function, sample=rows.train.head(1000), strict=True)
report = fast.verify(later)
print(report)

# %%
fast.explain()

# %% [markdown]
# ## When there are too few rows
#
# A cascade would let easy rows leave after the first trees, under a target that is certified
# on rows that no model has seen. A certificate needs enough of them. With few, `optimize`
# warns and returns the exact pipeline; with `strict=True` it raises, and says how many it needs.

# %%
try:
    willump.optimize(
        function,
        rows.train,
        rows.labels,
        X_cal=later.head(200),
        target=willump.Agreement(0.99, confidence=0.95),
        random_state=0,
        strict=True,
    )
except willump.CertificateError as error:
    print(error)

# %% [markdown]
# ## A damaged value
#
# Bad input gets an error that says what is wrong, and the next call works.

# %%
try:
    fast({**gallery.row_of(later), "age": "forty"})
except (TypeError, ValueError) as error:
    print(f"{type(error).__name__}: {error}")

# %% [markdown]
# ## One row, and many

# %%
fast(gallery.row_of(later))

# %% [markdown]
# How many times as fast as the plain function, on this machine with one thread:

# %%
gallery.times(function, {"compiled": fast}, later)

# %% [markdown]
# ## Save
#
# One file, which the command line runs without Python, with the same bits in the answers.

# %%
folder = gallery.Folder()
fast.save(folder / "credit.willump")
later.to_csv(folder / "later.csv", index=False)
folder.run("willump predict credit.willump later.csv -o answers.csv")
answers = np.loadtxt(folder / "answers.csv", skiprows=1)
print("the same bits:", np.array_equal(answers, fast(later)))
