// swift-tools-version: 6.2

// The core and its tests alone, as Tools/mutate builds them in its copy of the tree. Without
// the shell a fault costs seconds, and what a fault leaves unused is no error here.

import PackageDescription

let settings: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableExperimentalFeature("Lifetimes"),
]

/// Each may use those before it.
let core = [
  "MartletWire", "MartletTCP", "MartletStack", "MartletTrace", "MartletSimulator", "MartletTesting",
]

let tests = [
  "MartletWireTests", "MartletTCPTests", "MartletStackTests", "MartletConformanceTests",
  "MartletRequirementTests",
]

let package = Package(
  name: "martlet",
  platforms: [.macOS(.v26)],
  targets: core.enumerated().map { i, name in
    .target(
      name: name, dependencies: core[..<i].map { .byName(name: $0) }, swiftSettings: settings)
  }
    + tests.map { name in
      .testTarget(
        name: name, dependencies: core.map { .byName(name: $0) },
        // It notices whatever is sent otherwise, and not whether that is wrong.
        exclude: name == "MartletRequirementTests" ? ["SimulationOctetsTests.swift"] : [],
        swiftSettings: settings)
    }
)
