"""How any kernel meets a grid: declaration, compilation, application, time axes and CF attributes."""
