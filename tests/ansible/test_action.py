"""config_files as roles use it: a real ansible-playbook, on this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from toolkit import paths

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="sets owners: needs root")

_PLAYBOOK = """
- hosts: localhost
  gather_facts: false
  vars: {greeting: "bonjour {{ undefined_on_purpose | default('à tous') }}"}
  roles: [sample]
"""
_TASKS = """
- name: Install the files
  config_files:
    files:
      - {template: a.conf.j2, dest: "OUT/a.conf", mode: "0640", validate: "grep -q bonjour %s"}
      - {content: "{{ secret_word }}", dest: "OUT/key", mode: "0600", secret: true}
    validate: ["test -s %(OUT/a.conf)s"]
  register: sample_files
- name: Show
  ansible.builtin.debug: {msg: "FILES={{ sample_files.changed_files | to_json }} NOTES={{ sample_files.notes }}"}
"""
_TEMPLATE = """\
# {{ ansible_managed }}
{% for number in [1, 2] %}
{{ greeting }} {{ number }}
{% endfor %}
{% include 'part.j2' %}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    role = tmp_path / "roles" / "sample"
    (role / "tasks").mkdir(parents=True)
    (role / "templates").mkdir()
    (tmp_path / "play.yml").write_text(_PLAYBOOK)
    (role / "tasks" / "main.yml").write_text(_TASKS.replace("OUT", str(tmp_path / "out")))
    (role / "templates" / "a.conf.j2").write_text(_TEMPLATE)
    (role / "templates" / "part.j2").write_text("included {{ greeting }}\n")
    return tmp_path


def play(project: Path, *options: str, fails: bool = False, **variables: Any) -> str:
    command = [Path(sys.executable).with_name("ansible-playbook"), "-i", "localhost,", "-c", "local", "play.yml"]
    command += ["-e", json.dumps({"ansible_python_interpreter": sys.executable, "secret_word": "CANARI"} | variables)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    environment |= {
        "ANSIBLE_CONFIG": str(paths.plugins_dir().parent / "ansible.cfg"),
        "ANSIBLE_INVENTORY_ENABLED": "host_list",
        "ANSIBLE_ROLES_PATH": str(project / "roles"),
    }
    done = subprocess.run(
        [*command, *options], cwd=project, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode != 0) == fails, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_renders_as_the_template_module_does_and_shows_no_secret(project: Path) -> None:
    checked = play(project, "--check", "--diff", "-vvv")
    assert not (project / "out").exists()
    assert "+bonjour à tous 1" in checked
    done = play(project, "--diff", "-vvv")
    written = (project / "out" / "a.conf").read_text()
    assert written == "# Ansible managed\nbonjour à tous 1\nbonjour à tous 2\nincluded bonjour à tous\n"
    assert (project / "out" / "key").read_text() == "CANARI"
    assert "changed=1" in done
    assert "CANARI" not in (checked + done).replace('"secret_word": "CANARI"', "")
    again = play(project)
    assert "changed=0" in again
    assert "FILES=[]" in again


def test_a_refused_file_fails_the_task_with_its_reason(project: Path) -> None:
    output = play(project, fails=True, greeting="hello")
    assert "a.conf: refused by “grep”" in output
    assert not (project / "out" / "a.conf").exists()


def test_misuse_is_said(project: Path) -> None:
    tasks = project / "roles" / "sample" / "tasks" / "main.yml"
    tasks.write_text("- config_files: {files: [{dest: /tmp/x}]}\n")
    assert "one of “template” and “content” is needed" in play(project, fails=True)
    tasks.write_text("- config_files: {files: [{dest: /tmp/x, content: a, ownr: root}]}\n")
    assert "ownr" in play(project, fails=True)
    tasks.write_text("- config_files: {files: [{dest: /tmp/x, content: a}], guard: {name: x}}\n")
    assert "needs a name and a reload command" in play(project, fails=True)
    tasks.write_text("- config_files: {files: [{dest: /tmp/x, content: a}], guard: {name: x, reload: a, timeout: 3}}\n")
    assert "timeout below 15 seconds" in play(project, fails=True)
