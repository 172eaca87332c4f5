# %% [markdown]
# # Dear features
#
# A few columns tell most, and many that cost much tell a little more: here what a forest makes
# of them. Which rows are worth that cost?
#
# The rows are generated, like those of the Kaggle competition "Instant Gratification". The
# script of this notebook is [instant.py](../instant.py).

# %%
import sys

sys.path.insert(0, "..")  # the scripts are one folder up

import gallery
import instant
import numpy as np
import willump

rows, forest = instant.load(n_later=60_000)
fresh, later = rows.later.head(50_000), rows.later.tail(10_000)
print(f"{len(rows.train):,} rows to fit on, {len(fresh):,} to certify with, {len(later):,} to ask")
later.head(3).round(2)

# %% [markdown]
# ## The pipeline
#
# `@willump.pipeline` only marks the function: called, it runs as it is written.

# %%
gallery.source(instant.fit)

# %%
function = instant.fit(rows.train, rows.labels, forest)
function(later.head(3))

# %% [markdown]
# ## Compile
#
# The forest is compiled with the model behind it. `verify` compares the answers.

# %%
fast = willump.compile(function, sample=rows.train.head(1000), strict=True)
report = fast.verify(later.head(5000))
print(report)

# %% [markdown]
# `trace` shows what each line costs: most of it is the forest.

# %%
willump.trace(fast, later)

# %% [markdown]
# ## The best twenty
#
# Often only the best rows of a query are wanted. A filter that reads the cheap columns alone
# can tell which rows might be among them, and only those candidates need the forest.
# `optimize` trains the filter, and certifies on rows that no model has seen how many candidates
# it takes. What the columns and the forest cost is measured, unless `costs=` says it.
#
# Measured, no filter pays here: compiled, the forest is cheap. So we ask what would be if it
# were dear, 20 times the columns, as a model behind a network is.

# %%
ranked = willump.optimize(
    function,
    rows.train,
    rows.labels,
    X_cal=fresh,  # cut into queries of 1,000 rows
    target=willump.TopKRecall(0.9, k=20, share=0.9, confidence=0.95, query_size=1000),
    costs=[1.0, 20.0],
    random_state=0,
)
certificate = ranked.metadata["certificate"]
print(certificate["promise"])
print("the filter reads", *certificate["blocks"])
print(f"of 1,000 rows, {certificate['candidates']['20']} go on to the forest")

# %% [markdown]
# On ten queries that nothing has seen, how many of the best twenty are found?

# %%
queries = [later.iloc[start : start + 1000] for start in range(0, 10_000, 1000)]
[len(set(ranked.top_k(q, 20)[0]) & set(fast.top_k(q, 20)[0])) for q in queries]

# %% [markdown]
# ## One row, and many

# %%
fast(gallery.row_of(later))

# %% [markdown]
# How many times as fast as the plain function, on this machine with one thread:

# %%
gallery.times(function, {"compiled": fast}, later.head(5000))

# %% [markdown]
# ## Save
#
# One file, which the command line runs without Python, with the same bits in the answers.

# %%
folder = gallery.Folder()
fast.save(folder / "instant.willump")
later.head(1000).to_csv(folder / "later.csv", index=False)
folder.run("willump predict instant.willump later.csv -o answers.csv")
answers = np.loadtxt(folder / "answers.csv", skiprows=1)
print("the same bits:", np.array_equal(answers, fast(later.head(1000))))
