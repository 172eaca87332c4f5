# %% [markdown]
# # Prices
#
# What does it cost? TF-IDF of a title, one-hot categories, scaled numbers, and ridge
# regression: text and a table in one model, and an answer that is a number.
#
# The rows are a stand-in that anybody has: loans, and their rates of interest. The script of
# this notebook is [price.py](../price.py).

# %%
import sys

sys.path.insert(0, "..")  # the scripts are one folder up

import gallery
import numpy as np
import price
import willump

rows, *names = price.load()
half = len(rows.later) // 2
fresh, later = rows.later.head(half), rows.later.tail(half)
print(f"{len(rows.train):,} rows to fit on, {len(fresh):,} to certify with, {len(later):,} to ask")
later.head(3).T

# %% [markdown]
# ## The pipeline
#
# A plain function of a pandas frame, with helpers. `@willump.pipeline` only marks it: called,
# it runs as it is written, with pandas and scikit-learn.

# %%
gallery.source(price.fit)

# %%
function = price.fit(rows.train, rows.labels, *names)
function(later.head(3))

# %% [markdown]
# ## Compile
#
# The model is fitted on logarithms, and the function undoes them: arithmetic after the model
# is compiled too. `verify` compares the answers.

# %%
fast = willump.compile(function, sample=rows.train.head(1000), strict=True)
report = fast.verify(later)
print(report)

# %%
fast.explain()

# %% [markdown]
# ## A cascade for numbers
#
# A regression has no labels to agree on, but a `Tolerance`: here, 19 in 20 rows are to be
# within a fifth of the exact answer. Whether they are is certified on rows that no model has
# seen. What a block costs is measured, unless `costs=` says it; here, a cost for each feature,
# so that every run chooses the same.

# %%
costs = {block["name"]: float(block["stop"] - block["start"]) for block in fast.explain().blocks}
cascade = willump.optimize(
    function,
    rows.train,
    rows.labels,
    X_cal=fresh,
    target=willump.Tolerance(rel=0.2, share=0.95, confidence=0.95),
    costs=costs,
    random_state=0,
)
certificate = cascade.metadata["certificate"]
print(certificate["promise"])
print("first stage:", "; ".join(certificate["blocks"]))
print(f"{certificate['share_leaving']:.0%} of the rows leave early")

# %% [markdown]
# Under a target as wide as this one the dearest features are hardly needed. On rows that
# nothing has seen:

# %%
exact = function(later)
apart = np.abs(cascade(later) - exact) / np.abs(exact)
print(f"{np.mean(apart <= 0.2):.2%} of {len(later):,} rows are within a fifth")
print(f"half of them are within {np.median(apart):.2%}")

# %% [markdown]
# ## One row, and many

# %%
fast(gallery.row_of(later))

# %% [markdown]
# How many times as fast as the plain function, on this machine with one thread:

# %%
gallery.times(function, {"compiled": fast, "cascade": cascade}, later)

# %% [markdown]
# ## Save
#
# One file, which the command line runs without Python, with the same bits in the answers.

# %%
folder = gallery.Folder()
cascade.save(folder / "price.willump")
later.to_csv(folder / "later.csv", index=False)
folder.run("willump predict price.willump later.csv -o answers.csv")
answers = np.loadtxt(folder / "answers.csv", skiprows=1)
print("the same bits:", np.array_equal(answers, cascade(later)))
