import Foundation

/// One line: what was measured, then what was switched.
struct ResultLine {
  private var fields: [String] = []

  mutating func add(_ key: String, _ value: Double, _ decimals: Int = 2) {
    fields.append("\(key)=" + String(format: "%.\(decimals)f", value))
  }

  mutating func add(_ key: String, _ value: Int) {
    fields.append("\(key)=\(value)")
  }

  mutating func add(_ key: String, _ value: String) {
    fields.append("\(key)=\(value)")
  }

  func print() {
    Swift.print("RESULT " + fields.joined(separator: " "))
  }
}

/// The run could not be measured: says why and leaves with status 1.
struct BenchError: Error, CustomStringConvertible {
  var description: String
  init(_ description: String) { self.description = description }
}
