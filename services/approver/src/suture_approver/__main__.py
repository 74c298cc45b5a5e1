from suture_approver.main import main

main()
