"""What tests share: a real PostgreSQL, fresh service databases, a clock that can be set. Never imported by production code."""
