# %% [markdown]
# # Ratings
#
# Will a user give a title at least four stars? Four joins, means of earlier ratings, and
# LightGBM. Plain Python spends its time in `merge`; compiled, a join is a lookup.
#
# The rows are MovieLens ratings that anybody has. The script of this notebook is
# [music.py](../music.py).

# %%
import sys

sys.path.insert(0, "..")  # the scripts are one folder up

import gallery
import music
import numpy as np
import willump

rows, users, titles = music.load()
half = len(rows.later) // 2
fresh, later = rows.later.head(half), rows.later.tail(half)
print(f"{len(rows.train):,} rows to fit on, {len(fresh):,} to certify with, {len(later):,} to ask")
later.head(3)

# %%
titles.head(3)

# %% [markdown]
# ## The pipeline
#
# A plain function of a pandas frame, which reads tables from around it. `@willump.pipeline`
# only marks it: called, it runs as it is written.

# %%
gallery.source(music.fit)

# %%
function = music.fit(rows.train, rows.labels, users, titles)
function(later.head(3))

# %% [markdown]
# ## Compile
#
# Tables that no call changes become constants: what is computed from their rows alone, such as
# the genres of a title, is computed once. `verify` compares the answers.

# %%
fast = willump.compile(function, sample=rows.train.head(1000), strict=True)
report = fast.verify(later)
print(report)

# %%
fast.explain()

# %% [markdown]
# ## A cascade inside the trees
#
# The first trees answer the easy rows, and rows that stay go on from their sum. How sure is
# sure enough is set on rows that no model has seen. The labels are whether a rating had four
# stars, as the model was trained. What each part costs is measured, unless `costs=` says it;
# here it does, in trees, so that every run chooses the same.

# %%
cascade = willump.optimize(
    function,
    rows.train,
    rows.labels >= 4,
    X_cal=fresh,
    target=willump.Agreement(0.99, confidence=0.95),
    costs=[51.0, 1, 1, 2, 3, 4, 6, 9, 13, 20, 20, 20],  # the joins cost as much as 50 trees
    random_state=0,
)
certificate = cascade.metadata["certificate"]
print(certificate["promise"])

# %%
gallery.trade_off(certificate)

# %%
same = (cascade(later) > 0.5) == (function(later) > 0.5)
print(f"{np.mean(same):.2%} of {len(later):,} rows have the full model's label")
print(f"{cascade.stats()['stage_rows'][0] / len(later):.0%} of them left at the first gate")

# %% [markdown]
# ## One row, many, and the best
#
# A single row may be a dict, as a server has it.

# %%
fast(gallery.row_of(later))

# %% [markdown]
# Which of all titles would this user like best? `top_k` ranks them.

# %%
asked = titles[["movie_id"]].assign(user_id=later["user_id"].iloc[0])
places, scores = fast.top_k(asked, 5)
titles.iloc[places].assign(score=scores.round(3))[["title", "genres", "score"]]

# %% [markdown]
# How many times as fast as the plain function, on this machine with one thread. What the
# cascade gains beside compiling differs with the machine and how busy it is; with measured
# costs, `optimize` returns the exact pipeline where it gains nothing.

# %%
gallery.times(function, {"compiled": fast, "cascade": cascade}, later)

# %% [markdown]
# ## Save
#
# One file holds the tables and the trees; the command line runs it without Python, with the
# same bits in the answers.

# %%
folder = gallery.Folder()
cascade.save(folder / "music.willump")
later.to_csv(folder / "later.csv", index=False)
folder.run("willump predict music.willump later.csv -o answers.csv")
answers = np.loadtxt(folder / "answers.csv", skiprows=1)
print("the same bits:", np.array_equal(answers, cascade(later)))
