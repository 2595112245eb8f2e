import FuzzDrivers

// What a host calls, one input at a time: on a machine without a system the same drivers as everywhere.

/// Runs the driver of that number with `count` octets. 0: nothing was found; 1: something was, see `findingText`; -1: there is no
/// such driver.
@_cdecl("replay")
public func replay(_ driver: Int32, _ start: UnsafePointer<UInt8>?, _ count: Int32) -> Int32 {
  let input = [UInt8](UnsafeBufferPointer(start: start, count: Int(count)))
  do throws(Finding) {
    switch driver {
    case 0: try driveWire(input)
    case 1: try driveConnection(input)
    case 2: try driveStack(input)
    case 3: try drivePair(input)
    case 4: try driveBudget(input)
    case 5: try driveFragments(input)
    case 6: try driveLink(input)
    default: return -1
    }
    return 0
  } catch {
    finding = Array(error.description.utf8)
    return 1
  }
}

/// Octets of the last finding's sentence, of which `most` are copied.
@_cdecl("findingText")
public func findingText(_ start: UnsafeMutablePointer<UInt8>, _ most: Int32) -> Int32 {
  let count = min(finding.count, Int(most))
  for i in 0..<count { start[i] = finding[i] }
  return Int32(count)
}

nonisolated(unsafe) private var finding: [UInt8] = []
