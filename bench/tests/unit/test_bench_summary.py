from bench.pipeline import summary


def test_a_ratio_is_the_median_of_each_rounds_own() -> None:
    rounds = [
        {"suture_per_s": 200.0, "celery_per_s": 100.0, "equal_work_per_s": 50.0},
        {"suture_per_s": 100.0, "celery_per_s": 100.0, "equal_work_per_s": 50.0},
        {"suture_per_s": 300.0, "celery_per_s": 200.0, "equal_work_per_s": 50.0},
    ]
    others = dict.fromkeys(("sandboxed_per_s", "p50_ms_without_sandbox", "ready_s", "memory_mb"), 1.0)
    result = summary([figures | others for figures in rounds])
    assert (result["ratio_to_celery"], result["ratio_to_equal_work"]) == (1.5, 4.0)
    assert (result["suture_per_s"], result["celery_per_s"]) == (200.0, 100.0)
