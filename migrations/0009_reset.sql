-- Since when a tenant's data is what it is: it was erased then. Agents are told, whenever they come.
ALTER TABLE tenants ADD COLUMN reset_at BIGINT;
