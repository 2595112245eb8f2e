// swift-tools-version: 6.2

import PackageDescription

// A user of the core and of nothing else. Tools/check-core-only builds it and
// proves that no other package is resolved for it.
let package = Package(
  name: "core-only",
  platforms: [.macOS(.v26)],
  dependencies: [.package(name: "martlet", path: "../..", traits: [])],
  targets: [
    .executableTarget(
      name: "CoreOnly",
      dependencies: [.product(name: "MartletCore", package: "martlet")])
  ]
)
