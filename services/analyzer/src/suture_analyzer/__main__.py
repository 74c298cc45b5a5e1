from suture_chassis.launch import launch

launch("suture_analyzer.main")
