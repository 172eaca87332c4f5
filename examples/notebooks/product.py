# %% [markdown]
# # Products
#
# Which of several categories does a title belong to? Counts of words, a few facts of the
# text, and LightGBM: sparse features, trees and more classes than two.
#
# The rows are a stand-in that anybody has: tweets, and which of three programs sent them.
# The script of this notebook is [product.py](../product.py).

# %%
import sys

sys.path.insert(0, "..")  # the scripts are one folder up

import gallery
import numpy as np
import pandas as pd
import product
import willump

rows = product.load()
later = rows.later
print(f"{len(rows.train):,} rows to fit on, {len(later):,} to ask")
pd.Series(rows.labels).value_counts()

# %% [markdown]
# ## The pipeline
#
# A plain function of a pandas frame, with a helper. `@willump.pipeline` only marks it: called,
# it runs as it is written.

# %%
gallery.source(product.fit)

# %%
function = product.fit(rows.train, rows.labels)
function(later.head(3))

# %% [markdown]
# ## Compile
#
# `compile` follows the function, and the helper that it calls, and runs both in C.
# `verify` compares the answers.

# %%
fast = willump.compile(function, sample=rows.train.head(1000), strict=True)
report = fast.verify(later)
print(report)

# %%
fast.explain()

# %% [markdown]
# ## Where the time goes
#
# `trace` runs rows and shows what each line costs. Most of it is the text, which the first
# trees need as well as the last: a cascade inside the trees would spare little here. Where one
# pays, see [music](music.ipynb) and [toxic](toxic.ipynb).

# %%
willump.trace(fast, later)

# %% [markdown]
# ## One row, and many

# %%
fast({"product_title": "A 42 inch television of 2 litres"})

# %% [markdown]
# How many times as fast as the plain function, on this machine with one thread:

# %%
gallery.times(function, {"compiled": fast}, later.head(4000))

# %% [markdown]
# ## Save
#
# One file, which the command line runs without Python; its answers are the labels.

# %%
folder = gallery.Folder()
fast.save(folder / "product.willump")
later.head(1000).to_csv(folder / "later.csv", index=False)
folder.run("willump predict product.willump later.csv -o answers.csv")
answers = pd.read_csv(folder / "answers.csv")
print("the same labels:", np.array_equal(answers["label"], fast(later.head(1000))))
answers.head(3)
