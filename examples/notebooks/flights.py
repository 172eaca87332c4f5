# %% [markdown]
# # Flights
#
# Will a flight from New York be more than a quarter of an hour late? Joins with its plane, the
# weather of the hour, and what carriers and places were like before, and LightGBM.
#
# The rows are the flights of 2013, which anybody has. The script of this notebook is
# [flights.py](../flights.py).

# %%
import sys

sys.path.insert(0, "..")  # the scripts are one folder up

import flights
import gallery
import numpy as np
import willump

rows, planes, weather = flights.load()
later = rows.later.head(50_000)
print(f"{len(rows.train):,} rows to fit on, {len(later):,} to ask")
later.head(3)

# %%
weather.head(3)

# %% [markdown]
# ## The pipeline
#
# A plain function of a pandas frame, which reads tables from around it. `@willump.pipeline`
# only marks it: called, it runs as it is written.

# %%
gallery.source(flights.fit)

# %%
function = flights.fit(rows.train, rows.labels, planes, weather)
function(later.head(3))

# %% [markdown]
# ## Compile
#
# A join by two keys, strings both, becomes one lookup; `verify` compares the answers.

# %%
fast = willump.compile(function, sample=rows.train.head(1000), strict=True)
report = fast.verify(later)
print(report)

# %%
fast.explain()

# %% [markdown]
# ## A plane that nobody knows
#
# A key that a table does not hold leaves its columns missing, as `merge` does.

# %%
unknown = {**gallery.row_of(later), "tailnum": "N00000"}
print(fast(unknown), function(later.head(1).assign(tailnum="N00000")))

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
fast.save(folder / "flights.willump")
later.to_csv(folder / "later.csv", index=False)
folder.run("willump predict flights.willump later.csv -o answers.csv")
answers = np.loadtxt(folder / "answers.csv", skiprows=1)
print("the same bits:", np.array_equal(answers, fast(later)))
