from suture_executor.main import main

main()
