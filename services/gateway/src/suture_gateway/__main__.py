from suture_gateway.main import main

main()
