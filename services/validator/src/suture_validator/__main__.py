from suture_chassis.launch import launch

launch("suture_validator.main")
