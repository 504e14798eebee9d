"""Sources without a test at the mirrored path: the test that exercises each, and why it stands elsewhere.

`test_mirrored` keeps the list honest: an entry goes as soon as its source has a test of its own, or is gone.
"""

from typing import NamedTuple


class Exercise(NamedTuple):
    """The test file that runs a source, relative to the repository, and the reason in a few words."""

    test: str
    reason: str


PROTOCOL = "protocols and plain records; their implementations are tested"
OVER_HTTP = "thin HTTP routes; the client asks every one of them"
SHAPES = "shapes of JSON; the client reads or sends every one of them"
WITH_RAY = "needs a running Ray, which is started once for its neighbours"
SPAWNED = "the far side of a child process or a tile loop, driven by its near side"
COMMAND = "one step of `giornata evaluate`, which is run whole on a tiny set"
CLIENT = "tests/cluster/service/test_client.py"
EVALUATE = "tests/cluster/cli/test_evaluate.py"
TILES = "tests/workers/optimization/test_tile_optimizer.py"

COVERED_ELSEWHERE = {
    "cluster/app.py": Exercise(
        "tests/cluster/service/test_fuzz.py", "the whole application, asked every question of its description"
    ),
    "cluster/batch/run.py": Exercise("tests/end_to_end/test_run.py", "a whole batch as the shell starts it"),
    "cluster/cli/bench.py": Exercise(
        "tests/cluster/bench/test_manager.py", "flags only; the commands are run beside what they measure"
    ),
    "cluster/cli/demo.py": Exercise(
        "tests/cluster/cli/test_examples.py", "its inputs are those that the examples run on"
    ),
    "cluster/dashboard/live_routes.py": Exercise(
        "tests/cluster/service/test_optimising.py", "needs an optimisation that is at work"
    ),
    "cluster/dashboard/style_trial_worker.py": Exercise(
        "tests/cluster/dashboard/test_style_routes.py", SPAWNED
    ),
    "cluster/dashboard/style_trials.py": Exercise(
        "tests/cluster/dashboard/test_style_routes.py", "a trial is asked for as the page does it"
    ),
    "cluster/evaluation/gatys.py": Exercise(EVALUATE, COMMAND),
    "cluster/evaluation/library_styles.py": Exercise(EVALUATE, COMMAND),
    "cluster/evaluation/preparing.py": Exercise(EVALUATE, COMMAND),
    "cluster/evaluation/protocol.py": Exercise(EVALUATE, COMMAND),
    "cluster/evaluation/run.py": Exercise(EVALUATE, COMMAND),
    "cluster/evaluation/universal.py": Exercise(
        "tests/cluster/evaluation/test_methods.py", "painted with by the method that is made of it"
    ),
    "cluster/execution/connection.py": Exercise("tests/end_to_end/test_chaos.py", WITH_RAY),
    "cluster/execution/optimization_actor.py": Exercise(
        "tests/cluster/execution/test_distributed_optimization.py", WITH_RAY
    ),
    "cluster/execution/resilient_runner.py": Exercise("tests/end_to_end/test_chaos.py", WITH_RAY),
    "cluster/execution/worker.py": Exercise("tests/cluster/execution/test_pool.py", WITH_RAY),
    "cluster/ray_runtime/actors.py": Exercise("tests/cluster/execution/test_pool.py", WITH_RAY),
    "cluster/service/api.py": Exercise(CLIENT, PROTOCOL),
    "cluster/service/broadcaster.py": Exercise(
        "tests/cluster/service/routes/test_streams.py", "heard as people hear it: as a stream over HTTP"
    ),
    "cluster/service/dependencies.py": Exercise("tests/cluster/service/test_auth.py", OVER_HTTP),
    "cluster/service/routes/items.py": Exercise(CLIENT, OVER_HTTP),
    "cluster/service/routes/jobs.py": Exercise(CLIENT, OVER_HTTP),
    "cluster/service/routes/service.py": Exercise(CLIENT, OVER_HTTP),
    "cluster/service/schemas/base.py": Exercise(CLIENT, SHAPES),
    "cluster/service/schemas/jobs.py": Exercise(CLIENT, SHAPES),
    "cluster/service/schemas/service.py": Exercise(CLIENT, SHAPES),
    "cluster/service/server.py": Exercise("tests/cluster/cli/test_up.py", "runs as a process of its own"),
    "jobs/storage/base.py": Exercise("tests/workers/storage/test_s3_store.py", PROTOCOL),
    "styles/optimization/coordinator.py": Exercise(
        "tests/workers/optimization/test_runner.py",
        "needs tiles to coordinate, and those have arrays on scratch",
    ),
    "styles/optimization/optimizer_shard.py": Exercise("tests/workers/optimization/test_runner.py", SPAWNED),
    "styles/optimization/tile.py": Exercise(TILES, "its gradient is compared with that of the whole picture"),
    "styles/training/painting_targets.py": Exercise(
        "tests/styles/training/test_universal.py", "an intermediate of the training, which is run whole"
    ),
    "styles/training/perceptual_loss.py": Exercise(
        "tests/styles/training/test_painters_loss.py", "the base of the losses that are tested there"
    ),
    "styles/universal/run.py": Exercise(
        "tests/styles/universal/test_engine.py", "the engine's own tile run, tested by its contract"
    ),
    "workers/decoding/source_file.py": Exercise(
        "tests/workers/decoding/test_decode.py", "runs inside the decoding process only"
    ),
    "workers/settings.py": Exercise(
        "tests/workers/rendering/test_renderer.py",
        "a declaration without code; every renderer is made of one",
    ),
}
