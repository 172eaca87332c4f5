# %% [markdown]
# # Toxic comments
#
# Is a comment toxic? TF-IDF of words and of character n-grams, and a logistic regression.
# Nearly all the time goes into the features, which is what Willump compiles.
#
# The rows are a stand-in that anybody has: tweets, and whether they were sent from Android.
# The script of this notebook is [toxic.py](../toxic.py).

# %%
import sys

sys.path.insert(0, "..")  # the scripts are one folder up

import gallery
import numpy as np
import toxic
import willump

rows = toxic.load()
half = len(rows.later) // 2
fresh, later = rows.later.head(half), rows.later.tail(half).head(4000)
print(f"{len(rows.train):,} rows to fit on, {len(fresh):,} to certify with, {len(later):,} to ask")
later.head(3)

# %% [markdown]
# ## The pipeline
#
# A plain function of a pandas frame. `@willump.pipeline` only marks it: called, it runs as it
# is written, with pandas and scikit-learn.

# %%
gallery.source(toxic.fit)

# %%
function = toxic.fit(rows.train, rows.labels)
function(later.head(3))

# %% [markdown]
# ## Compile
#
# `compile` follows the source of the function and runs it in C. `strict=True` refuses, by
# name, what would have to stay Python. `verify` runs both on the same rows and compares.

# %%
fast = willump.compile(function, sample=rows.train.head(1000), strict=True)
report = fast.verify(later)
print(report)

# %% [markdown]
# `explain` shows what each line became. The two vectorizers are two *blocks*: parts of the
# features that can be computed, or left out, on their own.

# %%
fast.explain()

# %% [markdown]
# ## A cascade
#
# Most comments are easy. `optimize` trains a smaller model on the cheap features; where it is
# confident, a row leaves with its answer, and the other features are never computed. The
# gate is set on rows that no model has seen, so that the target holds for later rows too.
# What the blocks cost is measured, unless `costs=` says it; here it does, so that every run
# chooses the same.

# %%
cascade = willump.optimize(
    function,
    rows.train,
    rows.labels,
    X_cal=fresh,
    target=willump.Agreement(0.99, confidence=0.95),
    costs=[1.0, 1.2],  # words, character n-grams
    random_state=0,
)
certificate = cascade.metadata["certificate"]
print(certificate["promise"])
print("first stage:", "; ".join(certificate["blocks"]))

# %% [markdown]
# Other gates would let more rows leave, or be right more often:

# %%
gallery.trade_off(certificate)

# %% [markdown]
# On rows that neither the models nor the certificate have seen:

# %%
same = (cascade(later) > 0.5) == (function(later) > 0.5)
print(f"{np.mean(same):.2%} of {len(later):,} rows have the full model's label")
print(f"{cascade.stats()['stage_rows'][0] / len(later):.0%} of them left early")

# %% [markdown]
# ## One row, and many
#
# A single row may be a dict, as a server has it.

# %%
fast({"comment_text": "Thank you, what a great evening!"})

# %% [markdown]
# How many times as fast as the plain function, on this machine with one thread:

# %%
gallery.times(function, {"compiled": fast, "cascade": cascade}, later.head(1000))

# %% [markdown]
# ## Save
#
# The cascade is one file, which the command line runs without Python, with the same bits in
# the answers.

# %%
folder = gallery.Folder()
cascade.save(folder / "toxic.willump")
later.head(1000).to_csv(folder / "later.csv", index=False)
folder.run("willump predict toxic.willump later.csv -o answers.csv")
answers = np.loadtxt(folder / "answers.csv", skiprows=1)
print("the same bits:", np.array_equal(answers, cascade(later.head(1000))))
