"""A type for velocities that can be handed on and nothing else: a force that uses one does not compile."""

from numba.core import types
from numba.extending import models, register_model


class Velocity(types.Type):
    """The numba type of the velocity with this number."""

    def __init__(self, number):
        self.number = number
        super().__init__(name=f"Velocity({number})")


@register_model(Velocity)
class _VelocityModel(models.PrimitiveModel):
    def __init__(self, dmm, fe_type):
        super().__init__(dmm, fe_type, dmm.lookup(types.float64).get_value_type())
