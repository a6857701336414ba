"""How good the recommender is, by public protocols, what each of its parts adds, and what it costs.

* `protocols`: next items in sessions, a feed that is asked before it is told, and what an event
  costs among 100,000 items;
* `members`: the same without each member in turn;
* `rules`: how various answers are, and what that costs in hits;
* `partitions`: users spread over four partitions, into one log and into a state each;
* `cold`: items that hardly anybody has touched, by what is written about them.

`python -m benchmarks.learning DATA --only feed feed-members` runs them.
"""
