from suture_analyzer.main import main

main()
