# %% [markdown]
# # Features from a remote store
#
# Will a user give a title at least four stars? What is known of users and titles is in a store
# that takes a millisecond to ask, and asking it is most of a prediction. Which rows need to?
#
# The rows are MovieLens ratings that anybody has. The script of this notebook is
# [music_remote.py](../music_remote.py); [store.py](../store.py) is the store, on loopback.

# %%
import sys

sys.path.insert(0, "..")  # the scripts are one folder up

import warnings

import gallery
import music_remote
import numpy as np
import willump

rows, store = music_remote.load()
half = len(rows.later) // 2
fresh, later = rows.later.head(half), rows.later.tail(half)
print(f"{len(rows.train):,} rows to fit on, {len(fresh):,} to certify with, {len(later):,} to ask")
later.head(3)

# %% [markdown]
# ## The pipeline
#
# A plain function of a pandas frame. `@willump.pipeline` only marks it: called, it runs as it is
# written.

# %%
gallery.source(music_remote.fit)

# %%
function = music_remote.fit(rows.train, rows.labels, store)
function(later.head(3))

# %% [markdown]
# ## Compile
#
# The fetches stay Python, and a warning says so; what is around them is native.

# %%
with warnings.catch_warnings():
    warnings.simplefilter("ignore", willump.PythonStepWarning)
    fast = willump.compile(function, sample=rows.train.head(1000))
report = fast.verify(later.head(2000))
print(report)

# %%
fast.explain()

# %% [markdown]
# ## A cascade that asks the store less
#
# The first stage reads what the request brings, and answers the rows that are easy by that. How
# sure is sure enough is set on rows that no model has seen, and certified. What the blocks cost
# is measured, unless `costs=` says it, as here: a fetch costs as much as 50 columns.

# %%
with warnings.catch_warnings():
    warnings.simplefilter("ignore", willump.PythonStepWarning)
    cascade = willump.optimize(
        function,
        rows.train,
        rows.labels,
        X_cal=fresh,
        target=willump.Agreement(0.99, confidence=0.95),
        costs=[1.0, 50.0, 50.0],
        random_state=0,
    )
certificate = cascade.metadata["certificate"]
print(certificate["promise"])
print("the first stage reads", *certificate["blocks"])

# %%
gallery.trade_off(certificate)

# %% [markdown]
# What each asks of the store, for rows that nothing has seen:

# %%
for name, call in {"the plain function": function, "the cascade": cascade}.items():
    store.n_fetched = 0
    call(later)
    print(f"{name}: {store.n_fetched:,} keys for {len(later):,} rows")

# %%
same = (cascade(later) > 0.5) == (function(later) > 0.5)
print(f"{np.mean(same):.2%} of {len(later):,} rows have the full model's label")

# %% [markdown]
# Rows that stay are answered exactly as without a cascade. The store is an object of this
# process, so the cascade is not saved as an artifact: a function of a module that fetches would
# be stored by its name.

# %%
stay = cascade(later) == fast(later)
store.close()
print("the same answers, of", f"{np.mean(stay):.0%} of the rows")
