"""How runs go: the driver decides, the scheduler acts, executors lend joblib's workers, programs say what is done."""
