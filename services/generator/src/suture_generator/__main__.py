from suture_generator.main import main

main()
