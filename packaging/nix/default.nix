# nix-build packaging/nix: busyd from the tree that this lies in.
{ pkgs ? import <nixpkgs> { } }:

pkgs.stdenv.mkDerivation {
  pname = "busyd";
  version = "0.2.0~dev";
  src = pkgs.lib.cleanSource ../..;

  nativeBuildInputs = with pkgs; [ cargo cmake ninja pkg-config rustPlatform.cargoSetupHook rustc scdoc ];
  buildInputs = with pkgs; [ curl dbus inih jansson libmicrohttpd libpulseaudio openssl pipewire qrencode systemd ];

  # What decrypts in encrypted rooms, from the sources that its lock file names.
  cargoRoot = "src/matrix/crypto/vodozemac";
  cargoDeps = pkgs.rustPlatform.importCargoLock { lockFile = ../../src/matrix/crypto/vodozemac/Cargo.lock; };

  # A clone would fail on the warnings of compilers that are newer than ours.
  cmakeFlags = [ "-DBUILD_TESTING=OFF" "-DWERROR=OFF" "-DWITH_QRENCODE=ON" "-DWITH_E2EE=vodozemac" ];

  # These are loaded by name, once there is a server of theirs.
  postFixup = ''
    patchelf --add-rpath ${pkgs.lib.makeLibraryPath (with pkgs; [ libpulseaudio pipewire ])} $out/bin/busyd
  '';

  meta = {
    description = "Set the Matrix presence to busy during calls";
    license = pkgs.lib.licenses.mit;
    platforms = pkgs.lib.platforms.linux;
    mainProgram = "busyctl";
  };
}
