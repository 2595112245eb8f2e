// swift-tools-version: 6.2

import PackageDescription

// The fuzzers, a package of their own: they need flags that no user of Martlet should inherit, and
// libFuzzer brings their `main`. `Tools/fuzz` builds and runs them. What they do with the octets is in
// Tests/FuzzDrivers, so that Tests/MartletFuzzReplayTests does the same with what they found.
let settings: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .treatAllWarnings(as: .error),
  // Without a `main` of its own a single file would be taken for a script.
  .unsafeFlags(["-parse-as-library"]),
]

let package = Package(
  name: "martlet-fuzz",
  platforms: [.macOS(.v26)],
  dependencies: [.package(name: "martlet", path: "..", traits: [])],
  targets: [
    "FuzzWire", "FuzzConnection", "FuzzStack", "FuzzPair", "FuzzBudget", "FuzzFragments", "FuzzLink",
    "FuzzCapture",
  ]
  .map {
    name in
    .executableTarget(
      name: name, dependencies: [.product(name: "_FuzzDrivers", package: "martlet")],
      swiftSettings: settings)
  }
)
