"""The conformance suites that every plugin, built-in or not, must pass.

One module a kind. Each holds its laws as plain functions, which raise AssertionError where a component breaks
them; `BASIC` lists those that the engine needs to run the component at all, `LAWS` all of them. `offers` holds
those of components of every kind. An author's test file runs them by the pytest plugin that is installed with
deepnoise, see `pytest_plugin`:

    @pytest.mark.deepnoise("my-plugin")
    def test_laws(law):
        law()

and `deepnoise plugins check my-plugin` runs them without a test file.
"""
