"""The RTSP server of the tests: GStreamer's, run by the system's Python, which has its bindings.

    python3 rtsp_program.py PORT FILE VIDEO_PAYLOADER SOUND_PAYLOADER(or -) USER(or -) PASSWORD

Plays a file at ``/live`` in real time, from its beginning for each who connects, and ends with it.
"""

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402


def main(port: str, file: str, video: str, sound: str, user: str, password: str) -> None:
    Gst.init(None)
    launch = f'( filesrc location="{file}" ! qtdemux name=d d.video_0 ! queue ! {video} name=pay0 pt=96'
    if sound != "-":
        launch += f" d.audio_0 ! queue ! {sound} name=pay1 pt=97"
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(f"{launch} )")
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(port)
    if user != "-":
        _protect(server, factory, user, password)
    server.get_mount_points().add_factory("/live", factory)
    server.attach(None)
    print("ready", flush=True)
    GLib.MainLoop().run()


def _protect(server: object, factory: object, user: str, password: str) -> None:
    auth = GstRtspServer.RTSPAuth()
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "user")
    auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
    server.set_auth(auth)  # type: ignore[attr-defined]
    permissions = GstRtspServer.RTSPPermissions()
    permissions.add_role("user")
    for right in ("media.factory.access", "media.factory.construct"):
        permissions.add_permission_for_role("user", right, True)
    factory.set_permissions(permissions)  # type: ignore[attr-defined]


if __name__ == "__main__":
    main(*sys.argv[1:])
