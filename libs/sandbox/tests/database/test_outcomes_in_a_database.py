"""SQL on SQLite and PostgreSQL, by the suite that every type of script passes."""

from __future__ import annotations

import pytest
from suture_testkit.outcomes import Case, Outcomes

FIX = (
    "UPDATE orders SET state = 'open', note = 'mended' WHERE state = 'stuck';\n"
    "INSERT INTO orders (id, state, total) VALUES (7, 'open', 1.50);\n"
    "CREATE INDEX IF NOT EXISTS by_total ON orders (total)"
)
INDEXES = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = 'orders' ORDER BY 1",
    "postgresql": "SELECT indexname::text FROM pg_indexes WHERE tablename = 'orders' ORDER BY 1",
}


class TestInADatabase(Outcomes):
    @pytest.fixture
    def case(self, database) -> Case:
        return Case(
            run=database.run,
            fix=FIX,
            fails=f"{FIX}; UPDATE orders SET total = 'no number at all' || 1 / 0, id = id + 1 WHERE id = 1",  # noqa: S608
            verify="SELECT count(*) = 0 FROM orders WHERE state = 'stuck'",
            never="SELECT false" if database.engine == "postgresql" else "SELECT 0",
            state=lambda: (database.rows(), database.ask(INDEXES[database.engine])),
            drift=lambda: (
                database.ask("UPDATE orders SET note = 'by hand' WHERE id = 2 RETURNING id") and None
            ),
        )
