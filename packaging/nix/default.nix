# nix-build packaging/nix: busyd from the tree that this lies in.
{ pkgs ? import <nixpkgs> { } }:

pkgs.stdenv.mkDerivation {
  pname = "busyd";
  version = "0.2.0~dev";
  src = pkgs.lib.cleanSource ../..;

  nativeBuildInputs = with pkgs; [ cmake ninja pkg-config scdoc ];
  buildInputs = with pkgs; [ curl dbus inih jansson libmicrohttpd libpulseaudio openssl pipewire qrencode systemd ];

  # A clone would fail on the warnings of compilers that are newer than ours.
  cmakeFlags = [ "-DBUILD_TESTING=OFF" "-DWERROR=OFF" "-DWITH_QRENCODE=ON" ];

  meta = {
    description = "Set the Matrix presence to busy during calls";
    license = pkgs.lib.licenses.mit;
    platforms = pkgs.lib.platforms.linux;
    mainProgram = "busyctl";
  };
}
