// What Tools/check-allocations, Tools/measure-layout and Tools/measure-instructions run.

import MartletStack

switch CommandLine.arguments.dropFirst().first {
case "layout":
  printLayout()
case "segments":
  let count = CommandLine.arguments.count > 2 ? Int(CommandLine.arguments[2]) ?? 0 : 0
  var transfer = try Transfer.established()
  try transfer.carry(count)
case "allocations":
  try countAllocations()
case let name:
  if let scene = name.flatMap({ FloodScene(rawValue: $0) }) {
    let count = CommandLine.arguments.count > 2 ? Int(CommandLine.arguments[2]) ?? 0 : 0
    var flood = try Flood.begun(scene)
    try flood.run(count)
  } else {
    print("usage: MartletMeasure layout | segments COUNT | allocations | SCENE COUNT, a scene of FloodScene")
  }
}
