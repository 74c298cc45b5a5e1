from suture_cli.main import main

main(prog_name="suture")
