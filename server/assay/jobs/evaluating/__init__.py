"""How predictions become an evaluation: taken in, ranked, searched for duplicates, summed up."""
