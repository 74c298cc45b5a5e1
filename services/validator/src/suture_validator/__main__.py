from suture_validator.main import main

main()
