from suture_chassis.launch import launch

launch("suture_approver.main")
