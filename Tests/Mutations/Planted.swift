import Foundation

// Tools/mutate puts this file into each module of the core, in its copy of the tree.

/// The fault that the environment names by its number in the lists; 0: none.
@usableFromInline
let planted = ProcessInfo.processInfo.environment["MARTLET_FAULT"].flatMap { Int($0) } ?? 0

/// Whether the fault is awake.
@usableFromInline
func isPlanted(_ fault: Int) -> Bool { fault == planted }
