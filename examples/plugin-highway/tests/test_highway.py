from npdl_core.testing import check_layer


def test_highway():
    check_layer("highway")
