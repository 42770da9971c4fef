"""EC2's API in the lab: moto's, with what moto lacks. One mixin a concern, one method an action."""
