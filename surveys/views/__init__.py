"""Pages of the surveys room: fetch, bind, act, answer."""
