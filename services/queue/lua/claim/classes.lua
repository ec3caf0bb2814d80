-- Classes by smooth weighted round robin: each pick adds to every waiting class its share of the weights and takes 1 from the
-- class with the most credit, which is picked. A weight grows with the age of the class's oldest, up to a bound that keeps any other
-- class from being outweighed without end. Urgent comes first and pays nothing while it may overtake.
--
-- DEFINES open_classes

-- `names`: of the classes, the most pressing first. `oldest`: when the oldest of each was accepted, where something waits.
local function open_classes(names, saved, oldest, order, now)
  local classes, credit, shares = {}, {}, {}
  for class = 1, 4 do
    credit[class] = tonumber(saved[class] or 0)
  end

  local function share_out()
    local sum = 0
    for class = 1, 4 do
      shares[class] = 0
      if oldest[class] then
        local ageing = 1 + math.max(0, now - oldest[class]) / order.startTargets[names[class]]
        shares[class] = order.weights[names[class]] * math.min(ageing, order.mostAgeing)
      end
      sum = sum + shares[class]
    end
    for class = 1, 4 do
      shares[class] = shares[class] / sum
    end
    shares.done = true
  end

  -- None of it may start.
  function classes.close(class)
    oldest[class], shares.done = nil, false
  end

  -- The class that is next, and whether it has to pay for that; nil when none may start.
  function classes.pick(urgent_overtakes)
    if oldest[1] and urgent_overtakes() then
      return 1, false
    end
    if not shares.done then
      share_out()
    end
    local best
    for class = 1, 4 do
      if not oldest[class] then
        credit[class] = 0
      elseif not best or credit[class] + shares[class] > credit[best] + shares[best] then
        best = class
      end
    end
    return best, true
  end

  function classes.pay(picked)
    for class = 1, 4 do
      if oldest[class] then
        credit[class] = credit[class] + shares[class] - (class == picked and 1 or 0)
      end
    end
  end

  function classes.credit(class)
    return credit[class]
  end

  return classes
end
