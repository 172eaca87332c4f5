# %% [markdown]
# # Delays
#
# Will a flight be late? Two joins, encoders, the text of a plane's model, and a logistic
# regression, as the cells of an analysis are written: at the top of a file.
#
# The rows are flights from New York that anybody has. The script of this notebook is
# [delay.py](../delay.py).

# %%
import sys

sys.path.insert(0, "..")  # the scripts are one folder up

import delay
import gallery
import numpy as np
import willump

train = delay.flights.head(delay.N_TRAIN)
later = delay.flights.tail(delay.N_TRAIN).reset_index(drop=True)
print(f"{len(train):,} rows to fit on, {len(later):,} to ask")
later.head(3)

# %% [markdown]
# ## The pipeline
#
# Functions that read tables, encoders and a model from around them. `@willump.pipeline` only
# marks the last one: called, it runs as it is written.

# %%
gallery.source(delay.joined, delay.features, delay.delay)

# %%
function = delay.delay
function(later.head(3))

# %% [markdown]
# ## Compile
#
# `compile` follows the helpers too. A plane's columns, and the text of its model, are constant:
# what the logistic regression makes of them is looked up by the plane. `verify` compares the
# answers.

# %%
fast = willump.compile(function, sample=train.head(1000), strict=True)
report = fast.verify(later)
print(report)

# %%
fast.explain()

# %% [markdown]
# ## Where the time goes
#
# `trace` runs rows and shows what each line costs. Most of it is to take the frame's strings
# apart and to look them up, which every row needs: a cascade would spare little here. Where it
# pays, see [toxic](toxic.ipynb) and [music](music.ipynb).

# %%
willump.trace(fast, later)

# %% [markdown]
# ## The best
#
# Which flights are the likeliest to be late?

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
# One file holds the tables, the encoders and the model; the command line runs it without
# Python, with the same bits in the answers.

# %%
folder = gallery.Folder()
fast.save(folder / "delay.willump")
later.to_csv(folder / "later.csv", index=False)
folder.run("willump predict delay.willump later.csv -o answers.csv")
answers = np.loadtxt(folder / "answers.csv", skiprows=1)
print("the same bits:", np.array_equal(answers, fast(later)))
