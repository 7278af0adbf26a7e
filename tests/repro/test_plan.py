from earwitness.repro.plan import Plan, read_plan
from tests.repro.project import Project

PARENTS = {"a": (), "b": ("a",), "c": ("a",), "d": ("b", "c"), "e": ()}


def test_what_uses_a_changed_stage_is_stale_as_well() -> None:
    assert Plan(PARENTS, {"b": [{"changed deps": {}}]}).stale() == ["b", "d"]
    assert Plan(PARENTS, {"e": ["changed command"]}).stale() == ["e"]
    assert Plan(PARENTS, {}).stale() == []


def test_outputs_are_there_unless_dvc_finds_them_changed() -> None:
    plan = Plan(
        PARENTS,
        {"a": [{"changed deps": {"x": "modified"}}], "b": [{"changed outs": {"y": "deleted"}}]},
    )
    assert [stage for stage in PARENTS if plan.has_outputs(stage)] == ["a", "c", "d", "e"]


def test_dvc_tells_stages_order_and_edges(by_dvc: Project) -> None:
    plan = read_plan(by_dvc.root, ["join"])
    assert dict(plan.parents) == {
        "source": (),
        "part@1": ("source",),
        "part@2": ("source",),
        "join": ("part@1", "part@2"),
    }
    assert next(iter(plan.parents)) == "source"
    assert plan.status == {}
