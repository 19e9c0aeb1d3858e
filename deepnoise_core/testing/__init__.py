"""The conformance suites that every plugin, built-in or not, must pass.

One module a kind. Each holds its laws as plain functions, which raise AssertionError where a component breaks
them, and lists them in `LAWS`; with pytest they run as

    @pytest.mark.parametrize("law", strategies.LAWS)
    def test_my_strategy(law):
        law(lambda: MyStrategy(MyOptions()))
"""
