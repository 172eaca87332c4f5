# %% [markdown]
# # Purchases
#
# Will a customer come back within a month? Aggregates over a log of purchases, dates, and
# LightGBM.
#
# The rows are a stand-in that anybody has: planes as customers and flights as their log, and
# whether a plane flies again the month after. The script of this notebook is
# [purchase.py](../purchase.py).

# %%
import sys

sys.path.insert(0, "..")  # the scripts are one folder up

import gallery
import numpy as np
import purchase
import willump

rows, log = purchase.load()
later = rows.later
print(f"{len(rows.train):,} rows to fit on, {len(later):,} to ask")
later.head(3)

# %% [markdown]
# ## The pipeline
#
# The log is aggregated once, when the model is fitted; a call joins what it found and computes
# with dates. `@willump.pipeline` only marks the function: called, it runs as it is written.

# %%
gallery.source(purchase.fit)

# %%
function = purchase.fit(rows.train, rows.labels, log)
function(later.head(3))

# %% [markdown]
# ## Compile

# %%
fast = willump.compile(function, sample=rows.train.head(1000), strict=True)
report = fast.verify(later)
print(report)

# %%
fast.explain()

# %% [markdown]
# ## Where the time goes
#
# `trace` runs rows and shows what each line costs. Joins have become lookups, and the dates of
# a customer are computed once, as no visit changes them. About half of what is
# left are the trees of the model.

# %%
willump.trace(fast, later)

# %% [markdown]
# ## The best
#
# Which visits are the likeliest to be followed by another within the month? `top_k` ranks as
# the plain function does, and equal scores come in the order of their rows.

# %%
places, scores = fast.top_k(later, 5)
later.iloc[places].assign(score=scores.round(3))

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
# One file, which the command line runs without Python. It reads dates as
# `to_csv` writes them.

# %%
folder = gallery.Folder()
fast.save(folder / "purchase.willump")
later.to_csv(folder / "later.csv", index=False)
folder.run("willump predict purchase.willump later.csv -o answers.csv")
answers = np.loadtxt(folder / "answers.csv", skiprows=1)
print("the same bits:", np.array_equal(answers, fast(later)))
