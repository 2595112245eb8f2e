// swift-tools-version: 6.2

import PackageDescription

/// Every target: Swift 6, explicit `any`, imports that do not leak, warnings that stop the build.
let strict: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .treatAllWarnings(as: .error),
]

/// The core: also every unsafe use marked, and views that cannot outlive their bytes.
let core: [SwiftSetting] =
  strict + [
    .strictMemorySafety(),
    .enableExperimentalFeature("Lifetimes"),
  ]

/// A package that uses the core alone switches this trait off and resolves no other package.
let shell = TargetDependencyCondition.when(traits: ["Shell"])

/// Off unless it is asked for: nobody else resolves swift-metrics.
let metrics = TargetDependencyCondition.when(traits: ["Metrics"])

let package = Package(
  name: "martlet",
  platforms: [.macOS(.v26), .iOS(.v26), .tvOS(.v26), .watchOS(.v26), .visionOS(.v26)],
  products: [
    .library(name: "MartletCore", targets: ["MartletWire", "MartletTCP", "MartletStack"]),
    .library(name: "MartletTrace", targets: ["MartletTrace"]),
    .library(name: "MartletSimulator", targets: ["MartletSimulator"]),
    .library(name: "MartletTesting", targets: ["MartletTesting"]),
    .library(name: "Martlet", targets: ["Martlet", "MartletLinks"]),
    .executable(name: "martlet", targets: ["MartletCommand"]),
    .executable(name: "martlet-bench", targets: ["MartletBench"]),
    // For Fuzz/Package.swift alone; not part of the API.
    .library(name: "_FuzzDrivers", targets: ["FuzzDrivers"]),
  ],
  traits: [
    .trait(
      name: "Shell",
      description: "Devices, the async API and the command, with the packages they need. Off: the core alone."
    ),
    .trait(
      name: "Metrics", description: "MetricsPublisher: what a stack counts and holds, through swift-metrics.",
      enabledTraits: ["Shell"]),
    .default(enabledTraits: ["Shell"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
    .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
  ],
  targets: [
    // The core: imports nothing but itself.
    .target(name: "MartletWire", swiftSettings: core),
    .target(name: "MartletTCP", dependencies: ["MartletWire"], swiftSettings: core),
    .target(name: "MartletStack", dependencies: ["MartletWire", "MartletTCP"], swiftSettings: core),

    // Seeing and simulating: no I/O either.
    .target(
      name: "MartletTrace", dependencies: ["MartletWire", "MartletTCP", "MartletStack"],
      swiftSettings: core),
    .target(
      name: "MartletSimulator",
      dependencies: ["MartletWire", "MartletTCP", "MartletStack", "MartletTrace"],
      swiftSettings: core),
    .target(
      name: "MartletTesting",
      dependencies: ["MartletWire", "MartletTCP", "MartletStack", "MartletTrace", "MartletSimulator"],
      swiftSettings: strict),

    // The shell: devices, the event loop, the command line.
    .target(name: "CMartletSystem"),
    .target(
      name: "MartletLinks",
      dependencies: [
        "CMartletSystem", "MartletWire", "MartletTCP", "MartletStack", "MartletTrace",
        .product(name: "SystemPackage", package: "swift-system", condition: shell),
      ],
      swiftSettings: strict),
    .target(
      name: "Martlet",
      dependencies: [
        "MartletLinks", "MartletWire", "MartletTCP", "MartletStack", "MartletTrace",
        .product(name: "Logging", package: "swift-log", condition: shell),
        .product(name: "Metrics", package: "swift-metrics", condition: metrics),
      ],
      swiftSettings: strict),
    .executableTarget(
      name: "MartletCommand",
      dependencies: [
        "Martlet", "MartletLinks", "MartletWire", "MartletTCP", "MartletStack", "MartletTrace",
        "MartletSimulator",
        .product(name: "ArgumentParser", package: "swift-argument-parser", condition: shell),
        .product(name: "SystemPackage", package: "swift-system", condition: shell),
      ],
      swiftSettings: strict),
    .executableTarget(
      name: "MartletBench",
      dependencies: [
        "Martlet", "MartletLinks", "MartletWire", "MartletTCP", "MartletStack",
        .product(name: "ArgumentParser", package: "swift-argument-parser", condition: shell),
      ],
      swiftSettings: strict),

    // What the tools measure: layouts, allocations, instructions.
    .target(name: "CMallocCounter", path: "Tests/CMallocCounter"),
    .executableTarget(
      name: "MartletMeasure",
      dependencies: ["CMallocCounter", "MartletWire", "MartletTCP", "MartletStack"],
      path: "Tests/MartletMeasure", swiftSettings: strict),

    // The goodput table of Documentation/Figures, in the simulator.
    .executableTarget(
      name: "MartletGoodput",
      dependencies: ["MartletSimulator", "MartletTrace", "MartletWire", "MartletTCP", "MartletStack"],
      path: "Tests/MartletGoodput", swiftSettings: strict,
      // A debug build calls the square root by name.
      linkerSettings: [.linkedLibrary("m", .when(platforms: [.linux]))]),

    // Every schedule of a connection within bounds, on the real code.
    .executableTarget(
      name: "MartletExplore",
      dependencies: ["MartletSimulator", "MartletTrace", "MartletWire", "MartletTCP", "MartletStack"],
      path: "Tests/MartletExplore", swiftSettings: strict,
      linkerSettings: [.linkedLibrary("m", .when(platforms: [.linux]))]),

    // Schedules drawn from seeds, as many as time allows.
    .executableTarget(
      name: "MartletSwarm",
      dependencies: ["MartletSimulator", "MartletTrace", "MartletWire", "MartletTCP", "MartletStack"],
      path: "Tests/MartletSwarm", swiftSettings: strict,
      linkerSettings: [.linkedLibrary("m", .when(platforms: [.linux]))]),

    // The kernel as referee: the same script to both, answers compared.
    .executableTarget(
      name: "MartletReferee",
      dependencies: [
        "CMartletSystem", "MartletLinks", "MartletSimulator", "MartletWire", "MartletTCP", "MartletStack",
        .product(name: "SystemPackage", package: "swift-system", condition: shell),
      ],
      path: "Tests/MartletReferee", exclude: ["Collection"], swiftSettings: strict,
      linkerSettings: [.linkedLibrary("m", .when(platforms: [.linux]))]),

    // What the fuzzers do with octets, shared with the tests that replay what they found.
    .target(
      name: "FuzzDrivers", dependencies: ["MartletWire", "MartletTCP", "MartletStack", "MartletTrace"],
      path: "Tests/FuzzDrivers",
      swiftSettings: strict),
    .testTarget(name: "MartletFuzzReplayTests", dependencies: ["FuzzDrivers"], swiftSettings: strict),

    // The requirements of Documentation/Requirements.md, on the wire.
    .testTarget(
      name: "MartletRequirementTests",
      dependencies: [
        "MartletWire", "MartletTCP", "MartletStack", "MartletTrace", "MartletSimulator", "MartletTesting",
      ],
      swiftSettings: strict),
    .testTarget(name: "MartletWireTests", dependencies: ["MartletWire"], swiftSettings: strict),
    .testTarget(
      name: "MartletTCPTests", dependencies: ["MartletWire", "MartletTCP"], swiftSettings: strict),
    .testTarget(
      name: "MartletStackTests",
      dependencies: ["MartletWire", "MartletTCP", "MartletStack", "MartletTesting"],
      swiftSettings: strict),
    .testTarget(
      name: "MartletTestingTests",
      dependencies: ["MartletTesting", "MartletSimulator", "MartletWire", "MartletTCP", "MartletStack"],
      swiftSettings: strict),
    .testTarget(
      name: "MartletConformanceTests",
      dependencies: ["MartletTesting", "MartletSimulator", "MartletWire", "MartletTCP", "MartletStack"],
      swiftSettings: strict),
    .testTarget(
      name: "MartletSimulatorTests",
      dependencies: [
        "MartletSimulator", "MartletTesting", "MartletTrace", "MartletWire", "MartletTCP", "MartletStack",
      ],
      exclude: ["Scenarios/Ladders"], swiftSettings: strict),
    .testTarget(
      name: "MartletLinksTests",
      dependencies: [
        "MartletLinks", "MartletWire", "MartletTCP", "MartletStack", "MartletTrace",
        .product(name: "SystemPackage", package: "swift-system", condition: shell),
      ],
      swiftSettings: strict),
    .testTarget(
      name: "MartletTraceTests",
      dependencies: ["MartletWire", "MartletTCP", "MartletTrace"], swiftSettings: strict),
    .testTarget(
      name: "MartletTests",
      dependencies: [
        "Martlet", "MartletLinks", "MartletWire", "MartletTCP", "MartletStack", "MartletTrace",
        .product(name: "Logging", package: "swift-log", condition: shell),
        .product(name: "MetricsTestKit", package: "swift-metrics", condition: metrics),
      ],
      swiftSettings: strict),
    .testTarget(
      name: "MartletKernelTests",
      dependencies: [
        "Martlet", "MartletLinks", "MartletTesting", "MartletTrace", "MartletWire", "MartletTCP",
        "MartletStack",
        .product(name: "SystemPackage", package: "swift-system", condition: shell),
      ],
      swiftSettings: strict),
    .testTarget(
      name: "MartletRefereeTests", dependencies: ["MartletReferee", "MartletLinks"], swiftSettings: strict),
    .testTarget(
      name: "MartletCommandTests",
      dependencies: [
        "Martlet", "MartletCommand", "MartletLinks", "MartletTesting", "MartletWire", "MartletTCP",
        "MartletStack",
        "MartletTrace",
      ],
      swiftSettings: strict),
  ]
)
