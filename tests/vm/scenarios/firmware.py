"""A host that has only the firmware's framebuffer on its GPU, the native driver absent."""

from lib.host import GPU, SOUND, require
from lib.runner import scenario


@scenario(shape='firmware')
def firmware_framebuffer(host):
    """the firmware framebuffer lets go of the GPU, and the VM has it"""
    before = host.facts()
    require(before.rows['framebuffer'], 'no firmware framebuffer is bound')
    host.configure('win10')
    host.virsh('start win10')
    facts = host.require_given('win10')
    require(not facts.rows['framebuffer'], 'the framebuffer is still bound')
    require(not facts.consoles(), 'a console is still bound')
    host.virsh('destroy win10')
    host.wait('the sound function is back', lambda: host.facts().driver(SOUND) == before.driver(SOUND))
    host.wait('the GPU is free', lambda: host.facts().driver(GPU) == '-')
