"""Files of Debian packages, without installing the packages."""
import os
import subprocess


def package_file(package, relative, folder):
    """The path of a package's file: where it is installed, or else unpacked from the package below `folder`."""
    if os.path.exists("/" + relative):
        return "/" + relative
    found = os.path.join(folder, relative)
    if not os.path.exists(found):
        debs = os.path.join(folder, "debs")
        os.makedirs(debs, exist_ok=True)
        print("fetching package", package, flush=True)
        subprocess.run(["apt-get", "download", "-qq", "-o", "APT::Sandbox::User=root", package], cwd=debs, check=True)
        for deb in sorted(os.listdir(debs)):
            if deb.startswith(package + "_"):
                subprocess.run(["dpkg-deb", "-x", deb, folder], cwd=debs, check=True)
    return found
